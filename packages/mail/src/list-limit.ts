import { errors, StoaError } from '@stoa/kernel'

/** How many a page has: 1–100, default 20. @throws StoaError `validation_failed` */
export function checkedLimit(limit = 20): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= 100) return limit
  throw new StoaError(errors.validation_failed, {
    fields: [{ pointer: '/query/limit', code: 'invalid', message: 'must be a whole number from 1 to 100' }],
  })
}
