// What went wrong, in the reader's language: the kind of problem from the catalogue, what the
// server said about it, and what to do.
import { Refusal } from "../api/client";
import { isKey, t, tongue } from "../i18n/i18n";
import { Notice, toast } from "./surfaces";

interface Words {
  title: string;
  detail: string;
  remedy: string;
}

export function wordsOf(error: unknown): Words {
  if (!(error instanceof Refusal)) return { title: t("problem.internal"), detail: error instanceof Error ? error.message : String(error), remedy: "" };
  const { problem } = error;
  const key = `problem.${error.kind}`;
  const remedyKey = `remedy.${error.kind}`;
  const english = tongue.value.language === "en";
  return {
    title: isKey(key) ? t(key) : problem.title,
    detail: problem.detail ?? "",
    remedy: isKey(remedyKey) ? t(remedyKey) : english ? (problem.remedy ?? "") : "",
  };
}

export function Failure({ error }: { error: unknown }) {
  const { title, detail, remedy } = wordsOf(error);
  return (
    <Notice kind="bad" alert>
      <b>{title}</b>
      {detail ? <span lang="en">{detail}</span> : null}
      {remedy ? <span>{remedy}</span> : null}
    </Notice>
  );
}

// For an action that has no place of its own to show a failure.
export function tellFailure(error: unknown): void {
  const { title, detail, remedy } = wordsOf(error);
  toast([title, remedy || detail].filter(Boolean).join(" "));
}
