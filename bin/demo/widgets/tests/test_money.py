import unittest

from widgets.money import Price, less, total


class Prices(unittest.TestCase):
    def test_reads_what_people_write(self):
        self.assertEqual(Price.parse("12"), Price(1200))
        self.assertEqual(Price.parse(" 12.50 "), Price(1250))

    def test_refuses_what_is_no_price(self):
        for text in ("", "12.5", "-3", "a lot"):
            with self.subTest(text), self.assertRaises(ValueError):
                Price.parse(text)

    def test_is_written_with_both_digits(self):
        self.assertEqual(str(Price(5)), "0.05")
        self.assertEqual(str(Price(1200) * 2 + Price(1)), "24.01")


class Sums(unittest.TestCase):
    def test_a_discount_is_rounded_for_the_customer(self):
        self.assertEqual(less(Price(999), 10), Price(899))

    def test_a_discount_above_everything_is_refused(self):
        with self.assertRaises(ValueError):
            less(Price(999), 101)

    def test_a_total_without_discount_is_the_sum(self):
        self.assertEqual(total([Price(100), Price(250)]), Price(350))


if __name__ == "__main__":
    unittest.main()
