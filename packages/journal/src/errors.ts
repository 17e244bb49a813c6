import { defineErrors } from '@stoa/kernel'

/**
 * The journal's own refusals. They are about the program and its database, not about a caller, and so never leave it in
 * detail.
 */
export const journalErrors = defineErrors({
  event_not_defined: { kind: 'internal', message: 'An event of a type or version that nobody defined.' },
  event_invalid: { kind: 'internal', message: 'An event does not have the shape that its definition promises.' },
  event_of_another_tenant: { kind: 'internal', message: 'An event was appended in the transaction of another tenant.' },
  reader_lease_lost: {
    kind: 'unavailable',
    message: 'Another process has taken this reader over.',
  },
  journal_from_elsewhere: {
    kind: 'internal',
    message:
      'The journal was restored from another cluster, whose transactions this one has not reached: readers would wait for them, and new events would come before old ones.',
  },
  journal_in_use: { kind: 'internal', message: 'A process is reading this journal. Stop it first.' },
  journal_held_up: { kind: 'internal', message: 'A transaction in this cluster stays open. End it, and try again.' },
})
