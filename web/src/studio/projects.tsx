// Which project this is, and its name. A studio serves one; another is another `deixis studio`.
import { useState } from "preact/hooks";
import { patch } from "./api/client";
import { snapshot } from "./api/events";
import type { Project } from "./api/types";
import { useStore } from "./core/store";
import { t } from "./i18n/i18n";
import { Button, TextField } from "./ui/controls";
import { Failure } from "./ui/failure";
import { Dialog } from "./ui/surfaces";

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
  const [name, setName] = useState(project.name);
  const [error, setError] = useState<unknown>(null);
  const rename = async (event: Event) => {
    event.preventDefault();
    setError(null);
    try {
      const renamed = await patch<Project>(`/projects/${encodeURIComponent(project.id)}`, { name: name.trim() });
      snapshot.update((before) => (before ? { ...before, project: renamed } : before));
      onClose();
    } catch (caught) {
      setError(caught);
    }
  };
  return (
    <Dialog title={t("project")} onClose={onClose}>
      <form class="row bottom" onSubmit={(event) => void rename(event)}>
        <div class="grow">
          <TextField label={t("project.rename")} value={name} maxLength={64} onValue={setName} />
        </div>
        <Button type="submit" look="primary" disabled={name.trim() === "" || name.trim() === project.name}>
          {t("rename")}
        </Button>
      </form>
      {project.folder ? (
        <p class="quiet">
          {t("project.folder")} <code>{project.folder}</code>
        </p>
      ) : null}
      <p class="quiet small">{t("project.other")}</p>
      {error ? <Failure error={error} /> : null}
    </Dialog>
  );
}
