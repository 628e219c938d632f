"""What the comparison's report says of numbers whose answer is known."""

import argparse
import sys
import unittest

sys.dont_write_bytecode = True
import report


def result(engine, threads, *rounds_ms):
    return {"engine": engine, "threads": threads,
            "rounds_ns": [[ms * 1e6 for ms in turn] for turn in rounds_ms],
            "load_ms": 12.34, "start_to_result_ms": 56.78, "idle_rss_bytes": 0,
            "peak_rss_bytes": 15_960_000, "file_bytes": 5_918_880, "top1": 7}


class Report(unittest.TestCase):

    def test_quantiles(self):
        self.assertEqual(report.quantile([3, 1, 2], 0.5), 2)
        self.assertEqual(report.quantile([4, 2], 0.1), 2.2)
        self.assertEqual(report.quantile([5], 0.9), 5)

    def test_ratios_and_speed_up(self):
        results = [result("Other fp32", 1, [20, 30], [10, 40, 25]), result("Other fp32", 2, [15]),
                   result("Deixis 4-bit", 1, [5, 5], [4, 6, 5]), result("Deixis 4-bit", 2, [2.5])]
        arguments = argparse.Namespace(rounds=2, runs=2)
        document = report.document(results, [("Third", "not built")], arguments)
        self.assertEqual(document["baseline"], "Deixis 4-bit")
        self.assertEqual([entry["ratio"] for entry in document["engines"]], [5, 6, 1, 1])
        self.assertEqual(document["engines"][0]["latency_ms"],
                         {"median": 25, "p10": 14, "p90": 36})
        lines = report.markdown(document).splitlines()
        self.assertEqual(
            lines[2], "| Other fp32 | 25.00 (14.00 to 36.00) | 5.00 | 15.00 (15.00 to 15.00) | 6.00 "
            "| 1.67 | 16.0 | 12.3 | 56.8 | 5.9 | 7 |")
        self.assertEqual(len(lines[0].split("|")), len(lines[2].split("|")))
        self.assertIn("Left out: Third: not built.", lines)


if __name__ == "__main__":
    unittest.main()
