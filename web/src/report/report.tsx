// The page of a study: the figures at the top, one layer under the glass, the whole network below.
import type { StudyReport } from "./data";
import { bytes, change, changeUnit, metricName, score } from "./format";
import { LayerSection } from "./layer_section";
import { NetworkSection } from "./network_section";

export function Report({ report }: { report: StudyReport }) {
  const { model, data, metric, baseline, network } = report;
  const better = metric.kind === "top1" ? 1 : -1;
  const tolerance = metric.kind === "top1" ? 0.01 : 0.1 * baseline.score;
  const smallest = network
    .filter((point) => better * (point.score - baseline.score) >= -tolerance)
    .sort((a, b) => a.bytes - b.bytes)[0];
  return (
    <main>
      <header>
        <p class="kicker">Deixis study</p>
        <h1>What weight sharing costs <span class="nowrap">{model.architecture}</span></h1>
        <p class="source">
          <code>{model.path}</code> judged on {metric.images.toLocaleString("en")} pictures of{" "}
          <code>{data.folder}</code>
          {data.calibration ? <>; calibrated on <code>{data.calibration}</code></> : null}
        </p>
        <dl class="tiles">
          <div>
            <dt>{metricName(metric)}, uncompressed</dt>
            <dd>{score(metric, baseline.score)}</dd>
          </div>
          <div>
            <dt>File, uncompressed</dt>
            <dd>{bytes(model.bytes)}</dd>
          </div>
          {smallest ? (
            <div>
              <dt>Smallest within {metric.kind === "top1" ? "1 point" : "10 %"}</dt>
              <dd>
                {bytes(smallest.bytes)}{" "}
                <small>
                  {smallest.ratio.toFixed(1)}× smaller, {change(metric, smallest.score, baseline.score)} {changeUnit(metric)}
                </small>
              </dd>
            </div>
          ) : null}
        </dl>
      </header>
      <LayerSection report={report} />
      {network.length > 0 ? <NetworkSection report={report} /> : null}
      <footer>
        <p>
          Every score was measured with the compressed weights in place, on the same pictures. study.json and the
          CSV files beside this page hold the same numbers.
        </p>
      </footer>
    </main>
  );
}
