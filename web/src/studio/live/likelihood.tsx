// How likely each name is: bars with their numbers, the best one first in sight but the order kept,
// since bars that change places cannot be read.
import { percent } from "../core/format";
import { t } from "../i18n/i18n";

export function Likelihoods({ labels, probabilities }: { labels: readonly string[]; probabilities: readonly number[] }) {
  if (labels.length === 0) return null;
  const best = probabilities.indexOf(Math.max(...probabilities));
  // Of a thousand names only the most likely can be shown.
  const shown = labels.length <= 12 ? labels.map((_, index) => index) : [...probabilities.keys()].sort((a, b) => probabilities[b]! - probabilities[a]!).slice(0, 8);
  return (
    <ul class="likely" aria-label={t("live.likely")}>
      {shown.map((index) => {
        const share = probabilities[index] ?? 0;
        return (
          <li key={labels[index]} class={index === best ? "best" : ""}>
            <span class="name">{labels[index]}</span>
            <span class="track" aria-hidden="true">
              <i style={{ width: `${100 * share}%` }} />
            </span>
            <span class="figure-text">{percent(share)}</span>
          </li>
        );
      })}
    </ul>
  );
}
