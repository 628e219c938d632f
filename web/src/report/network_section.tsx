// The whole network: every layer shared with the same K, the score against the bytes of the file.
import { useMemo } from "preact/hooks";
import { TradeOffPlot } from "../charts/trade_off";
import type { NetworkPoint, StudyReport } from "./data";
import { bytes, change, changeUnit, metricName, score } from "./format";
import { Scroll } from "../charts/scroll";

const granularityNames = {
  row: "a codebook per output channel",
  group: "a codebook per 4 output channels",
  tensor: "a codebook per layer",
} as const;

const seriesOf = (point: NetworkPoint) =>
  point.calibrated ? `${granularityNames[point.granularity]}, calibrated` : granularityNames[point.granularity];

const colours = ["var(--series-1)", "var(--series-2)", "var(--series-3)", "var(--series-4)", "var(--series-5)", "var(--series-6)"];

export function NetworkSection({ report }: { report: StudyReport }) {
  const { metric, baseline, network } = report;
  const points = useMemo(
    () => network.map((point) => ({ series: seriesOf(point), name: `K=${point.centroids}`, cost: point.bytes, score: point.score })),
    [network],
  );
  const scale = useMemo(() => {
    const domain = [...new Set(points.map((point) => point.series))];
    return { domain, range: colours.slice(0, domain.length) };
  }, [points]);
  return (
    <section aria-labelledby="network-title">
      <h2 id="network-title">The whole network</h2>
      <p>
        Every convolution and the head shared with K centroids. Bytes are those of the compressed file, header, scales
        and biases included.
      </p>
      <ul class="legend" aria-label="Series">
        {scale.domain.map((series, index) => (
          <li key={series}>
            <span class="swatch" style={{ background: scale.range[index] }} aria-hidden="true" /> {series}
          </li>
        ))}
      </ul>
      <TradeOffPlot
        label={`${metricName(metric)} against bytes for ${points.length} plans; the table below holds the same numbers`}
        points={points}
        baseline={baseline.score}
        scoreLabel={metricName(metric) + (metric.kind === "top1" ? " (%)" : " (px)")}
        costLabel="bytes on disk"
        percent={metric.kind === "top1"}
        colours={scale}
      />
      <Scroll label="Table: plans">
        <table>
          <caption>Plans</caption>
          <thead>
            <tr>
              <th scope="col">Granularity</th>
              <th scope="col">K</th>
              <th scope="col">{metricName(metric)}</th>
              <th scope="col">{changeUnit(metric)}</th>
              <th scope="col">File</th>
              <th scope="col">Smaller</th>
            </tr>
          </thead>
          <tbody>
            {network.map((point) => (
              <tr key={`${seriesOf(point)} ${point.centroids}`}>
                <th scope="row">{seriesOf(point)}</th>
                <td>{point.centroids}</td>
                <td>{score(metric, point.score)}</td>
                <td>{change(metric, point.score, baseline.score)}</td>
                <td>{bytes(point.bytes)}</td>
                <td>{point.ratio.toFixed(1)}×</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}
