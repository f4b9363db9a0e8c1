import unittest

from widgets.text import slug


class Slugs(unittest.TestCase):
    def test_words_are_joined_by_dashes(self):
        self.assertEqual(slug("Left-handed  Widget, blue"), "left-handed-widget-blue")

    def test_accents_are_dropped(self):
        self.assertEqual(slug("Café Größe"), "cafe-groe")


if __name__ == "__main__":
    unittest.main()
