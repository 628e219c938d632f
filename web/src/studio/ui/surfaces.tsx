// What holds things: cards, notices, bars, dialogs, messages that pass.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { announce } from "../core/announce";
import { Store, useStore } from "../core/store";
import { t } from "../i18n/i18n";
import { Button } from "./controls";
import { Icon, type IconName } from "./icons";

interface CardProps {
  title: string;
  actions?: ComponentChildren;
  children: ComponentChildren;
}

export function Card({ title, actions, children }: CardProps) {
  const id = useId();
  return (
    <section class="card" aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {actions}
      </header>
      {children}
    </section>
  );
}

const noticeIcons = { info: "info", warn: "warn", bad: "warn", good: "check" } as const;

interface NoticeProps {
  kind: keyof typeof noticeIcons;
  icon?: IconName;
  // Interrupts a screen reader: for what went wrong just now.
  alert?: boolean;
  children: ComponentChildren;
}

export function Notice({ kind, icon, alert, children }: NoticeProps) {
  return (
    <div class={`notice ${kind}`} {...(alert ? { role: "alert" } : {})}>
      <Icon name={icon ?? noticeIcons[kind]} />
      <div>{children}</div>
    </div>
  );
}

interface ProgressProps {
  label: string;
  // 0..1, or null while it is not known.
  share: number | null;
  full?: boolean;
}

export function Progress({ label, share, full }: ProgressProps) {
  const percent = Math.round(100 * Math.min(1, Math.max(0, share ?? 0)));
  return (
    <div
      class={`bar ${share === null ? "unknown" : ""} ${full ? "full" : ""}`}
      role="progressbar"
      aria-label={label}
      {...(share === null ? {} : { "aria-valuenow": percent, "aria-valuemin": 0, "aria-valuemax": 100 })}
    >
      <i style={share === null ? {} : { width: `${percent}%` }} />
    </div>
  );
}

interface DialogProps {
  title: string;
  wide?: boolean;
  onClose: () => void;
  children: ComponentChildren;
}

// A modal dialog while it is rendered; Escape, the button and a press beside it close it. The
// browser gives the focus back to where it was.
export function Dialog({ title, wide, onClose, children }: DialogProps) {
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current!;
    const before = document.activeElement as HTMLElement | null;
    element.showModal();
    return () => {
      element.close();
      if (before?.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={wide ? "wide" : ""}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => event.target === dialog.current && onClose()}
    >
      <div>
        <header class="row">
          <h2 id={id} class="grow">{title}</h2>
          <Button look="plain" icon="close" label={t("close")} onClick={onClose} />
        </header>
        {children}
      </div>
    </dialog>
  );
}

interface Toast {
  id: number;
  text: string;
  action?: { label: string; run: () => void };
}

const toasts = new Store<Toast[]>([]);
let lastToast = 0;
const toastMs = 8000;

// A short message that goes by itself, with at most one thing to do about it. What it offers is
// always offered elsewhere too, since it goes.
export function toast(text: string, action?: Toast["action"]): void {
  const id = ++lastToast;
  announce(text);
  toasts.update((list) => [...list.slice(-2), action ? { id, text, action } : { id, text }]);
  setTimeout(() => dropToast(id), toastMs);
}

const dropToast = (id: number) => toasts.update((list) => list.filter((each) => each.id !== id));

export function Toasts() {
  const list = useStore(toasts);
  return (
    <div class="toasts">
      {list.map(({ id, text, action }) => (
        <div class="toast" key={id}>
          <span>{text}</span>
          {action ? (
            <Button
              look="plain"
              onClick={() => {
                dropToast(id);
                action.run();
              }}
            >
              {action.label}
            </Button>
          ) : null}
          <Button look="plain" icon="close" label={t("close")} onClick={() => dropToast(id)} />
        </div>
      ))}
    </div>
  );
}
