import { defineErrors } from '@stoa/kernel'

/** What links can answer besides the errors of the ground. */
export const linkErrors = defineErrors({
  link_not_found: { kind: 'not_found', message: 'There is no such link.' },
  link_gone: { kind: 'gone', message: 'This link has been taken down, has expired or is used up.' },
  link_taken_down: { kind: 'gone', message: 'This link was taken down.' },
  link_taken_down_by_operator: {
    kind: 'forbidden',
    message: 'The operator of this installation took the link down: only the operator puts it back.',
  },
  link_report_not_found: { kind: 'not_found', message: 'There is no such report.' },
  blocked_host_not_found: { kind: 'not_found', message: 'There is no such blocked host.' },
  blocked_host_invalid: { kind: 'invalid', message: 'A blocked host is a name without scheme, port and path.' },
  blocked_host_taken: { kind: 'conflict', message: 'This host is blocked already.' },
  blocked_host_limit: { kind: 'conflict', message: 'As many hosts are blocked as may be.' },
  link_password_required: { kind: 'forbidden', message: 'This link needs a password.' },
  slug_taken: { kind: 'conflict', message: 'This slug is in use already.' },
  slug_invalid: { kind: 'invalid', message: 'This slug cannot be used.' },
  target_refused: { kind: 'invalid', message: 'A link cannot lead to this target.' },
  link_domain_not_found: { kind: 'not_found', message: 'There is no such domain.' },
  link_domain_invalid: { kind: 'invalid', message: 'This host cannot be used for short links.' },
  link_domain_taken: { kind: 'conflict', message: 'This host is in use already.' },
  link_domain_not_proven: { kind: 'invalid', message: 'It is not proven that this domain is yours.' },
  link_domain_in_use: { kind: 'conflict', message: 'There are links on this domain.' },
  link_domain_limit: { kind: 'conflict', message: 'There are as many domains as there may be.' },
  link_folder_not_found: { kind: 'not_found', message: 'There is no such folder.' },
  link_folder_taken: { kind: 'conflict', message: 'There is a folder of this name already.' },
  link_folder_in_use: { kind: 'conflict', message: 'There are links in this folder.' },
  link_folder_limit: { kind: 'conflict', message: 'There are as many folders as there may be.' },
  series_too_long: { kind: 'invalid', message: 'The time series asked for has too many points.' },
})
