/*
 * The formats `date` and `date-time` as requests may use them. Ajv's quick ones look at digits alone and let a 30th of
 * February through, which JavaScript then takes for the 2nd of March; the thorough ones let a leap second through,
 * which JavaScript cannot read at all. A moment here is one that Date and PostgreSQL both hold and that can be written
 * again in RFC 3339: a day that exists, in the years 1 to 9999 of UTC.
 */

/** RFC 3339 §5.6, upper or lower case. */
const DATE_TIME =
  /^(\d{4}-\d\d-\d\d)[tT](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:[zZ]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/
const DATE = /^\d{4}-\d\d-\d\d$/
const FIRST_MS = Date.parse('0001-01-01T00:00:00.000Z')
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z')

/** Whether it is a date that exists: `2026-02-28`. */
export function isDate(text: string): boolean {
  if (!DATE.test(text)) return false
  const at = new Date(`${text}T00:00:00.000Z`)
  return at.getTime() >= FIRST_MS && at.toISOString().startsWith(text)
}

/** Whether it is a moment that exists: `2026-02-28T23:00:00+01:00`. */
export function isDateTime(text: string): boolean {
  const day = DATE_TIME.exec(text)?.[1]
  if (day === undefined || !isDate(day)) return false
  const ms = Date.parse(text)
  return ms >= FIRST_MS && ms <= LAST_MS
}
