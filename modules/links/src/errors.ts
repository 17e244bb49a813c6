import { defineErrors } from '@stoa/kernel'

/** What links can answer besides the errors of the ground. */
export const linkErrors = defineErrors({
  link_not_found: { kind: 'not_found', message: 'There is no such link.' },
  link_gone: { kind: 'gone', message: 'This link has been taken down, has expired or is used up.' },
  slug_taken: { kind: 'conflict', message: 'This slug is in use already.' },
  slug_invalid: { kind: 'invalid', message: 'This slug cannot be used.' },
  target_refused: { kind: 'invalid', message: 'A link cannot lead to this target.' },
  series_too_long: { kind: 'invalid', message: 'The time series asked for has too many points.' },
})
