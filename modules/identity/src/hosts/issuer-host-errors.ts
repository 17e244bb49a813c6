import { defineErrors } from '@stoa/kernel'

/** What hosts for issuers can answer besides. */
export const issuerHostErrors = defineErrors({
  issuer_host_not_found: { kind: 'not_found', message: 'There is no such host.' },
  issuer_host_invalid: { kind: 'invalid', message: 'This host cannot be used for an issuer.' },
  issuer_host_taken: { kind: 'conflict', message: 'This host is in use already.' },
  issuer_host_not_proven: { kind: 'invalid', message: 'It is not proven that this host is yours.' },
  issuer_host_in_use: { kind: 'conflict', message: 'The issuer is at this host. Deactivate it first.' },
  issuer_host_limit: { kind: 'conflict', message: 'There are as many hosts as there may be.' },
})
