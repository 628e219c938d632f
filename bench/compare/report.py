"""What was measured, as one document and as a table."""

import platform


def quantile(values, fraction):
    """Interpolated linearly between the two nearest of the sorted values."""
    values = sorted(values)
    at = fraction * (len(values) - 1)
    below = int(at)
    above = min(below + 1, len(values) - 1)
    return values[below] + (at - below) * (values[above] - values[below])


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()


def document(results, skipped, arguments):
    for result in results:
        times_ms = [ns / 1e6 for turn in result["rounds_ns"] for ns in turn]
        result["latency_ms"] = {"median": quantile(times_ms, 0.5),
                                "p10": quantile(times_ms, 0.1),
                                "p90": quantile(times_ms, 0.9)}
    labels = [result["engine"] for result in results]
    baseline = next((label for label in ("Deixis 4-bit", "Deixis int8", "Deixis fp32")
                     if label in labels), labels[0])
    medians = {(r["engine"], r["threads"]): r["latency_ms"]["median"] for r in results}
    for result in results:
        result["ratio"] = (result["latency_ms"]["median"] /
                           medians[baseline, result["threads"]])
    return {
        "schema": 1,
        "processor": processor(),
        "rounds": arguments.rounds,
        "runs_per_round": arguments.runs,
        "baseline": baseline,
        "engines": results,
        "left_out": [{"engine": label, "reason": reason} for label, reason in skipped],
    }


def megabytes(count):
    return f"{count / 1e6:.1f}"


def markdown(doc):
    threads = sorted({result["threads"] for result in doc["engines"]})
    by_key = {(result["engine"], result["threads"]): result for result in doc["engines"]}
    labels = list(dict.fromkeys(result["engine"] for result in doc["engines"]))
    header = ["engine"]
    for count in threads:
        header += [f"{count} thread{'s' if count > 1 else ''}, ms (p10 to p90)", "ratio"]
    header += ["speed-up"] if len(threads) > 1 else []
    header += ["peak RSS, MB", "load to result, ms", "start to result, ms", "file, MB", "top-1"]
    rows = [header, ["---"] + ["--:"] * (len(header) - 1)]
    for label in labels:
        row = [label]
        for count in threads:
            result = by_key[label, count]
            latency = result["latency_ms"]
            row += [f"{latency['median']:.2f} ({latency['p10']:.2f} to {latency['p90']:.2f})",
                    f"{result['ratio']:.2f}"]
        one = by_key[label, threads[0]]
        if len(threads) > 1:
            most = by_key[label, threads[-1]]
            row.append(f"{one['latency_ms']['median'] / most['latency_ms']['median']:.2f}")
        row += [megabytes(one["peak_rss_bytes"]), f"{one['load_ms']:.1f}",
                f"{one['start_to_result_ms']:.1f}", megabytes(one["file_bytes"]),
                str(one["top1"])]
        rows.append(row)
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines += ["", f"{doc['processor']}; {doc['rounds']} rounds of {doc['runs_per_round']} runs, "
                  f"engines in turn; ratios against {doc['baseline']}; memory, load and start on "
                  f"{threads[0]} thread."]
    lines += [f"Left out: {entry['engine']}: {entry['reason']}." for entry in doc["left_out"]]
    return "\n".join(lines) + "\n"
