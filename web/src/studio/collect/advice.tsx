// What the dataset lacks, in words: the server counts, the page says.
import type { Advice, Dataset } from "../api/types";
import { t } from "../i18n/i18n";
import { Notice } from "../ui/surfaces";

function sentence(advice: Advice, dataset: Dataset): string {
  const nothing = dataset.categories.find((each) => each.name === advice.category)?.is_nothing;
  return t(`advice.${advice.kind}`, {
    category: nothing ? t("nothing") : (advice.category ?? ""),
    have: advice.have ?? 0,
    want: advice.want ?? 0,
    missing: Math.max(0, (advice.want ?? 0) - (advice.have ?? 0)),
  });
}

export function AdviceList({ dataset }: { dataset: Dataset }) {
  if (dataset.advice.length === 0) {
    return dataset.samples > 0 ? (
      <Notice kind="good">
        <span>{t("advice.good")}</span>
      </Notice>
    ) : null;
  }
  return (
    <Notice kind="info">
      <b>{t("advice")}</b>
      <ul class="advice">
        {dataset.advice.map((each) => (
          <li key={`${each.kind} ${each.category ?? ""}`}>{sentence(each, dataset)}</li>
        ))}
      </ul>
    </Notice>
  );
}
