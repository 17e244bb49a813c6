/** Quotes a name for SQL text: `acme"x` → `"acme""x"`. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Quotes a string for SQL text. Only for statements that take no parameters, such as SET and CREATE ROLE. */
export function literal(text: string): string {
  const escaped = text.replaceAll("'", "''")
  return escaped.includes('\\') ? ` E'${escaped.replaceAll('\\', '\\\\')}'` : `'${escaped}'`
}
