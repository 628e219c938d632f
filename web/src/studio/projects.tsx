// Which project is open, its name, the others, and a new one.
import { useEffect, useState } from "preact/hooks";
import { get, patch, post } from "./api/client";
import { snapshot } from "./api/events";
import type { Project } from "./api/types";
import { useStore } from "./core/store";
import { t } from "./i18n/i18n";
import { Button, TextField } from "./ui/controls";
import { Failure } from "./ui/failure";
import { Dialog, toast } from "./ui/surfaces";

export function ProjectMenu() {
  const project = useStore(snapshot)?.project;
  const [open, setOpen] = useState(false);
  if (!project) return null;
  return (
    <>
      <Button class="project" aria-haspopup="dialog" onClick={() => setOpen(true)}>
        <span class="quiet">{t("project")}</span> {project.name}
      </Button>
      {open ? <ProjectDialog project={project} onClose={() => setOpen(false)} /> : null}
    </>
  );
}

function ProjectDialog({ project, onClose }: { project: Project; onClose: () => void }) {
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  // The dialog closes when it is done; what went wrong stays in it.
  const attempt = async (action: () => Promise<void>) => {
    setError(null);
    setBusy(true);
    try {
      await action();
      onClose();
    } catch (caught) {
      setError(caught);
    } finally {
      setBusy(false);
    }
  };
  // The event of the stream draws everything else anew.
  const goTo = (path: string, body: unknown) =>
    attempt(async () => {
      const opened = await post<Project>(path, body);
      toast(t("project.opened", { name: opened.name }));
    });
  const rename = (name: string) =>
    attempt(async () => {
      const renamed = await patch<Project>(`/projects/${encodeURIComponent(project.id)}`, { name });
      snapshot.update((before) => (before ? { ...before, project: renamed } : before));
    });
  return (
    <Dialog title={t("project")} onClose={onClose}>
      <NameForm label={t("project.rename")} action={t("rename")} initial={project.name} disabled={busy} onName={(name) => void rename(name)} />
      {project.folder ? (
        <p class="quiet">
          {t("project.folder")} <code>{project.folder}</code>
        </p>
      ) : null}
      <Others disabled={busy} onOpen={(id) => void goTo(`/projects/${encodeURIComponent(id)}/open`, {})} onError={setError} />
      <NameForm label={t("project.new")} action={t("project.create")} initial="" disabled={busy} onName={(name) => void goTo("/projects", { name })} />
      <p class="quiet small">{t("project.new.how")}</p>
      {error ? <Failure error={error} /> : null}
    </Dialog>
  );
}

interface NameFormProps {
  label: string;
  action: string;
  initial: string;
  disabled: boolean;
  onName: (name: string) => void;
}

function NameForm({ label, action, initial, disabled, onName }: NameFormProps) {
  const [name, setName] = useState(initial);
  const wanted = name.trim();
  return (
    <form class="row bottom" onSubmit={(event) => (event.preventDefault(), onName(wanted))}>
      <div class="grow">
        <TextField label={label} value={name} maxLength={64} onValue={setName} />
      </div>
      <Button type="submit" look="primary" disabled={disabled || wanted === "" || wanted === initial}>
        {action}
      </Button>
    </form>
  );
}

function Others({ disabled, onOpen, onError }: { disabled: boolean; onOpen: (id: string) => void; onError: (error: unknown) => void }) {
  const [others, setOthers] = useState<Project[] | null>(null);
  useEffect(() => {
    get<{ projects: Project[] }>("/projects").then(({ projects }) => setOthers(projects.filter((each) => !each.is_open)), onError);
  }, []);
  if (others === null) return null;
  return (
    <section aria-label={t("project.others")}>
      <h3>{t("project.others")}</h3>
      {others.length === 0 ? <p class="quiet">{t("project.others.none")}</p> : null}
      <ul class="plain-list">
        {others.map((each) => (
          <li key={each.id} class="row">
            <span class="grow">{each.name}</span>
            <Button label={t("project.open.what", { name: each.name })} disabled={disabled} onClick={() => onOpen(each.id)}>
              {t("project.open")}
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
}
