// Buttons, fields and choices. Each has a name that a screen reader says and a target of 44 px.
import type { ComponentChildren, ComponentProps } from "preact";
import { useId } from "preact/hooks";
import { Icon, type IconName } from "./icons";

type ButtonAttributes = Omit<ComponentProps<"button">, "icon" | "label">;

interface ButtonProps extends ButtonAttributes {
  icon?: IconName;
  look?: "primary" | "point" | "plain" | "danger" | "plain danger";
  // Names a button that shows its icon alone.
  label?: string;
  children?: ComponentChildren;
}

export function Button({ icon, look, label, children, class: extra, ...rest }: ButtonProps) {
  const classes = ["button", look, children ? "" : "icon", extra].filter(Boolean).join(" ");
  return (
    <button type="button" {...rest} class={classes} {...(label ? { "aria-label": label, title: label } : {})}>
      {icon ? <Icon name={icon} /> : null}
      {children}
    </button>
  );
}

interface FieldProps {
  label: string;
  hint?: string | undefined;
  fault?: string | undefined;
}

function describedBy(id: string, { hint, fault }: FieldProps): { "aria-describedby"?: string; "aria-invalid"?: "true" } {
  const ids = [hint ? `${id}-hint` : "", fault ? `${id}-fault` : ""].filter(Boolean).join(" ");
  return { ...(ids ? { "aria-describedby": ids } : {}), ...(fault ? { "aria-invalid": "true" as const } : {}) };
}

function Frame({ id, label, hint, fault, children }: FieldProps & { id: string; children: ComponentChildren }) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children}
      {hint ? <p class="hint" id={`${id}-hint`}>{hint}</p> : null}
      {fault ? <p class="fault" id={`${id}-fault`} role="alert">{fault}</p> : null}
    </div>
  );
}

interface TextFieldProps extends FieldProps {
  value: string;
  onValue: (value: string) => void;
  inputMode?: "text" | "numeric";
  autoComplete?: string;
  maxLength?: number;
  autoFocus?: boolean;
}

export function TextField({ value, onValue, inputMode, autoComplete = "off", maxLength, autoFocus, ...field }: TextFieldProps) {
  const id = useId();
  return (
    <Frame id={id} {...field}>
      <input
        id={id}
        class="input"
        value={value}
        autoComplete={autoComplete}
        spellcheck={false}
        {...(inputMode ? { inputMode } : {})}
        {...(maxLength ? { maxLength } : {})}
        {...(autoFocus ? { autoFocus } : {})}
        {...describedBy(id, field)}
        onInput={(event) => onValue(event.currentTarget.value)}
      />
    </Frame>
  );
}

interface NumberFieldProps extends FieldProps {
  value: number;
  onValue: (value: number) => void;
  min: number;
  max: number;
  step?: number | "any";
}

// Tells numbers within the range only; what is typed meanwhile stays in the field.
export function NumberField({ value, onValue, min, max, step = 1, ...field }: NumberFieldProps) {
  const id = useId();
  return (
    <Frame id={id} {...field}>
      <input
        id={id}
        class="input short"
        type="number"
        inputMode="decimal"
        value={String(value)}
        min={min}
        max={max}
        step={step}
        {...describedBy(id, field)}
        onInput={(event) => {
          const typed = event.currentTarget.valueAsNumber;
          if (Number.isFinite(typed) && typed >= min && typed <= max) onValue(typed);
        }}
      />
    </Frame>
  );
}

export interface Option {
  value: string;
  label: string;
  disabled?: boolean;
}

interface SelectProps extends FieldProps {
  value: string;
  options: Option[];
  onValue: (value: string) => void;
  disabled?: boolean;
}

export function Select({ value, options, onValue, disabled, ...field }: SelectProps) {
  const id = useId();
  return (
    <Frame id={id} {...field}>
      <select id={id} class="input" value={value} disabled={disabled ?? false} {...describedBy(id, field)} onChange={(event) => onValue(event.currentTarget.value)}>
        {options.map((each) => (
          <option key={each.value} value={each.value} selected={each.value === value} disabled={each.disabled ?? false}>
            {each.label}
          </option>
        ))}
      </select>
    </Frame>
  );
}

interface SegmentsProps<T extends string> {
  // Said by screen readers; shown where `shown` is set.
  label: string;
  shown?: boolean;
  value: T;
  options: { value: T; label: string; icon?: IconName; disabled?: boolean }[];
  onValue: (value: T) => void;
}

export function Segments<T extends string>({ label, shown, value, options, onValue }: SegmentsProps<T>) {
  const name = useId();
  return (
    <fieldset class="field">
      <legend class={shown ? "legend" : "sr-only"}>{label}</legend>
      <div>
        <div class="segments">
          {options.map((each) => (
            <label key={each.value}>
              <input type="radio" name={name} value={each.value} checked={each.value === value} disabled={each.disabled ?? false} onChange={() => onValue(each.value)} />
              <span>
                {each.icon ? <Icon name={each.icon} /> : null}
                {each.label}
              </span>
            </label>
          ))}
        </div>
      </div>
    </fieldset>
  );
}

interface SwitchProps {
  label: string;
  checked: boolean;
  onChecked: (checked: boolean) => void;
  disabled?: boolean;
}

export function Switch({ label, checked, onChecked, disabled }: SwitchProps) {
  return (
    <label class="switch">
      <input type="checkbox" role="switch" checked={checked} disabled={disabled ?? false} onChange={(event) => onChecked(event.currentTarget.checked)} />
      <span>{label}</span>
    </label>
  );
}

export function Tick({ label, checked, onChecked, disabled }: SwitchProps) {
  return (
    <label class="tick">
      <input type="checkbox" checked={checked} disabled={disabled ?? false} onChange={(event) => onChecked(event.currentTarget.checked)} />
      <span>{label}</span>
    </label>
  );
}

interface SliderProps {
  label: string;
  value: number;
  max: number;
  min?: number;
  // What the place on the slider means, said and shown instead of the number.
  text: string;
  onValue: (value: number) => void;
  disabled?: boolean;
}

export function Slider({ label, value, min = 0, max, text, onValue, disabled }: SliderProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>
        {label}: <output for={id}>{text}</output>
      </label>
      <input id={id} class="slider" type="range" min={min} max={max} step={1} value={value} aria-valuetext={text} disabled={disabled ?? false} onInput={(event) => onValue(event.currentTarget.valueAsNumber)} />
    </div>
  );
}
