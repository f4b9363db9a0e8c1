import unittest

from widgets.stock import NotEnough, Stock


class Shelf(unittest.TestCase):
    def setUp(self):
        self.stock = Stock(low=3)
        self.stock.add("round", 5)
        self.stock.add("square", 2)

    def test_counts_up_and_down(self):
        self.stock.add("round")
        self.stock.take("round", 4)
        self.assertEqual(self.stock.counts["round"], 2)

    def test_gives_all_or_none(self):
        with self.assertRaises(NotEnough):
            self.stock.take("square", 3)
        self.assertEqual(self.stock.counts["square"], 2)

    def test_knows_what_to_order(self):
        self.stock.take("round", 4)
        self.assertEqual(self.stock.running_low(), ["round", "square"])

    def test_reports_by_name(self):
        self.assertEqual(self.stock.report(), "round: 5\nsquare: 2")


if __name__ == "__main__":
    unittest.main()
