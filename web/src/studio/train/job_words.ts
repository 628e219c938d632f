// What a job is called and what it is doing, in words.
import type { Job } from "../api/types";
import { span } from "../core/format";
import { t } from "../i18n/i18n";

export function jobTitle(job: Job): string {
  const { request } = job;
  const of = request.kind === "import" || request.kind === "export" ? t(request.dataset === "things" ? "things" : "fingertips") : "";
  const name = of || ("name" in request ? request.name : "model" in request ? request.model : "");
  return t(`job.${job.kind}.of`, { name });
}

export function etaText(job: Job): string {
  if (job.state !== "running") return job.elapsed_ms ? t("job.took", { span: span(job.elapsed_ms) }) : "";
  return job.eta_ms ? t("job.left", { span: span(job.eta_ms) }) : "";
}
