import { defineErrors } from '@stoa/kernel'

/** The journal's own refusals. All of them are mistakes of the program, not of a caller, and so never leave it in detail. */
export const journalErrors = defineErrors({
  event_not_defined: { kind: 'internal', message: 'An event of a type or version that nobody defined.' },
  event_invalid: { kind: 'internal', message: 'An event does not have the shape that its definition promises.' },
  event_of_another_tenant: { kind: 'internal', message: 'An event was appended in the transaction of another tenant.' },
  reader_lease_lost: {
    kind: 'unavailable',
    message: 'Another process has taken this reader over.',
  },
})
