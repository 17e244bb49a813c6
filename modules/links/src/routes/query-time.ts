import { errors, StoaError } from '@stoa/kernel'

/** A time of the query as a Date. The schema has seen to its format, where there is one. */
export function queryTime(name: string, text: string | undefined): Date | undefined {
  if (text === undefined) return undefined
  const at = new Date(text)
  if (!Number.isNaN(at.getTime())) return at
  const field = { pointer: `/query/${name}`, code: 'wrong_format', message: 'must be a valid date-time' }
  throw new StoaError(errors.validation_failed, { fields: [field] })
}
