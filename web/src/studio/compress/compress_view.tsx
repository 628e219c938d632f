// The lab: look inside a model, try plans on it, and watch two of them side by side.
import type { Key } from "../i18n/en";
import { hashOf } from "../core/route";
import { t } from "../i18n/i18n";
import { Inside } from "./inside";
import { Plans } from "./plans";
import { Side } from "./side";

const parts = ["", "plans", "side"] as const;

export function CompressView({ part }: { part: string }) {
  return (
    <div class="view">
      <nav class="tabs" aria-label={t("view.compress")}>
        {parts.map((each) => (
          <a key={each} href={hashOf("compress", each)} {...(each === part ? { "aria-current": "page" as const } : {})}>
            {t(`compress.${each || "inside"}` as Key)}
          </a>
        ))}
      </nav>
      {part === "plans" ? <Plans /> : part === "side" ? <Side /> : <Inside />}
    </div>
  );
}
