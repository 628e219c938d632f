// One layer: the weights of a node as stems with their centroids, before and after, and the three
// tables: the codebook, the task with shared weights, the task with the centroid nearest to zero removed.
import { useMemo, useState } from "preact/hooks";
import { StemPlot } from "../charts/stem";
import { decodeFloats, nodeOf, type CentroidCase, type NodeView, type StudyReport } from "./data";
import { bytes, change, changeUnit, metricName, score, significant } from "./format";
import { Scroll } from "../charts/scroll";

type Stage = "before" | "after" | "pruned";

const stageTitles: Record<Stage, string> = {
  before: "Before: the weights as trained",
  after: "After: each weight replaced by its centroid",
  pruned: "Pruned: the centroid nearest to zero set to 0",
};

function valuesOf(view: NodeView, stage: Stage): Float32Array {
  if (stage === "before") return view.weights;
  return Float32Array.from(view.indices, (k) => (stage === "pruned" && k === view.removed ? 0 : view.codebook[k]!));
}

export function LayerSection({ report }: { report: StudyReport }) {
  const { layer, metric, baseline } = report;
  const [node, setNode] = useState(0);
  const [chosen, setChosen] = useState(Math.max(0, layer.cases.length - 1));
  const weights = useMemo(() => decodeFloats(layer.weights), [layer]);
  const which = layer.cases[chosen]!;
  const view = useMemo(() => nodeOf(layer, weights, which, node), [layer, weights, which, node]);
  const domain = useMemo((): [number, number] => {
    const largest = view.weights.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
    return [-1.05 * largest, 1.05 * largest];
  }, [view]);
  const nodeName = (index: number) => layer.node_names[index] ?? `node ${index}`;
  return (
    <section aria-labelledby="layer-title">
      <h2 id="layer-title">
        Layer <code>{layer.name}</code>
      </h2>
      <p>
        {layer.nodes.toLocaleString("en")} output nodes of {layer.weights_per_node.toLocaleString("en")} weights,{" "}
        {bytes(layer.source_bytes)}; k-means on the weights of each node alone, K centroids each.
        {layer.nodes_included < layer.nodes ? ` The plots hold the first ${layer.nodes_included} nodes; the scores are of all.` : null}
      </p>
      <div class="controls">
        <label>
          Output node{" "}
          <select value={node} onChange={(event) => setNode(Number(event.currentTarget.value))}>
            {Array.from({ length: layer.nodes_included }, (_, index) => (
              <option key={index} value={index}>
                {layer.node_names[index] ? `${index}: ${nodeName(index)}` : nodeName(index)}
              </option>
            ))}
          </select>
        </label>
        <fieldset>
          <legend>Centroids K</legend>
          {layer.cases.map((each, index) => (
            <label key={each.centroids} class="choice">
              <input type="radio" name="centroids" checked={index === chosen} onChange={() => setChosen(index)} />
              <span>{each.centroids}</span>
            </label>
          ))}
        </fieldset>
      </div>
      <div class="stems">
        {(["before", "after", "pruned"] as const).map((stage) => (
          <figure key={stage}>
            <figcaption>{stageTitles[stage]}</figcaption>
            <StemPlot
              label={`${stageTitles[stage]}; ${nodeName(node)}, K = ${which.centroids}, ${view.weights.length} weights`}
              values={valuesOf(view, stage)}
              codebook={view.codebook}
              domain={domain}
              {...(stage === "pruned" ? { removed: view.removed } : {})}
            />
          </figure>
        ))}
      </div>
      <CodebookTable which={which} view={view} title={`${nodeName(node)}, K = ${which.centroids}`} />
      <div class="pair">
        <Scroll label="Table: weights shared">
          <table>
            <caption>Weights shared</caption>
            <thead>
              <tr>
                <th scope="col">K</th>
                <th scope="col">{metricName(metric)}</th>
                <th scope="col">{changeUnit(metric)}</th>
                <th scope="col">Weight MSE</th>
                <th scope="col">Layer</th>
                <th scope="col">Smaller</th>
              </tr>
            </thead>
            <tbody>
              <tr class="baseline">
                <th scope="row">none</th>
                <td>{score(metric, baseline.score)}</td>
                <td>±0.00</td>
                <td>0</td>
                <td>{bytes(layer.source_bytes)}</td>
                <td>1.0×</td>
              </tr>
              {layer.cases.map((each, index) => (
                <tr key={each.centroids} class={index === chosen ? "chosen" : ""}>
                  <th scope="row">{each.centroids}</th>
                  <td>{score(metric, each.score)}</td>
                  <td>{change(metric, each.score, baseline.score)}</td>
                  <td>{significant(each.weight_mse)}</td>
                  <td>{bytes(each.bytes)}</td>
                  <td>{(layer.source_bytes / each.bytes).toFixed(1)}×</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
        <Scroll label="Table: the centroid nearest to zero removed">
          <table>
            <caption>The centroid nearest to zero removed as well</caption>
            <thead>
              <tr>
                <th scope="col">K</th>
                <th scope="col">{metricName(metric)}</th>
                <th scope="col">{changeUnit(metric)}</th>
                <th scope="col">Weight MSE</th>
                <th scope="col">Zeros</th>
              </tr>
            </thead>
            <tbody>
              {layer.cases.map((each, index) => (
                <tr key={each.centroids} class={index === chosen ? "chosen" : ""}>
                  <th scope="row">{each.centroids}</th>
                  <td>{score(metric, each.pruned.score)}</td>
                  <td>{change(metric, each.pruned.score, baseline.score)}</td>
                  <td>{significant(each.pruned.weight_mse)}</td>
                  <td>{(100 * each.pruned.sparsity).toFixed(1)} %</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      </div>
    </section>
  );
}

function CodebookTable({ which, view, title }: { which: CentroidCase; view: NodeView; title: string }) {
  const counts = new Uint32Array(which.centroids);
  for (const k of view.indices) counts[k]! += 1;
  return (
    <Scroll label={`Codebook of ${title}`}>
      <table class="codebook">
        <caption>Codebook of {title}</caption>
        <thead>
          <tr>
            <th scope="col">Index</th>
            {Array.from(view.codebook, (_, k) => (
              <th scope="col" key={k}>{k}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">Centroid</th>
            {Array.from(view.codebook, (value, k) => (
              <td key={k} class={k === view.removed ? "removed" : ""}>{significant(value)}</td>
            ))}
          </tr>
          <tr>
            <th scope="row">Weights</th>
            {Array.from(counts, (count, k) => (
              <td key={k}>{count}</td>
            ))}
          </tr>
        </tbody>
      </table>
      <p class="note">
        <span class="removed">Marked</span>: the centroid nearest to zero, the one that pruning removes.
      </p>
    </Scroll>
  );
}
