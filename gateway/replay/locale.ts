/** As setlocale(3) chooses. The C locale says nothing of the terminal, and terminals are UTF-8 today. */
export function isUtf8(): boolean {
  const { LC_ALL, LC_CTYPE, LANG } = process.env;
  const locale = [LC_ALL, LC_CTYPE, LANG].find((value) => value !== undefined && value !== "");
  return locale === undefined || locale === "C" || locale === "POSIX" || /utf-?8/i.test(locale);
}
