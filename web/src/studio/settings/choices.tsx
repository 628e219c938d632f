// Language and theme, offered before and after signing in.
import { changeSettings, settings, type Language, type Theme } from "../core/settings";
import { useStore } from "../core/store";
import { languageNames, t } from "../i18n/i18n";
import { Segments } from "../ui/controls";

export function LanguageChoice() {
  const { language } = useStore(settings);
  return (
    <Segments<Language>
      label={t("settings.language")}
      shown
      value={language}
      options={(Object.keys(languageNames) as Language[]).map((value) => ({ value, label: languageNames[value] }))}
      onValue={(value) => changeSettings({ language: value })}
    />
  );
}

export function ThemeChoice() {
  const { theme } = useStore(settings);
  return (
    <Segments<Theme>
      label={t("settings.theme")}
      shown
      value={theme}
      options={(["system", "light", "dark"] as const).map((value) => ({ value, label: t(`theme.${value}`) }))}
      onValue={(value) => changeSettings({ theme: value })}
    />
  );
}
