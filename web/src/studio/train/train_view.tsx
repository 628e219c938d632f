// Train: teach a model, see how good it is, and keep the models.
import type { Key } from "../i18n/en";
import { hashOf } from "../core/route";
import { t } from "../i18n/i18n";
import { Models } from "./models";
import { Results } from "./results";
import { Teach } from "./teach";

const parts = ["", "results", "models"] as const;

export function TrainView({ part }: { part: string }) {
  const [which = "", model = ""] = part.split(":");
  return (
    <div class="view">
      <nav class="tabs" aria-label={t("view.train")}>
        {parts.map((each) => (
          <a key={each} href={hashOf("train", each)} {...(each === which ? { "aria-current": "page" as const } : {})}>
            {t(`train.${each || "teach"}` as Key)}
          </a>
        ))}
      </nav>
      {which === "models" ? <Models /> : which === "results" ? <Results key={model} wanted={model} /> : <Teach />}
    </div>
  );
}
