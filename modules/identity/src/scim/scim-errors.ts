import { defineErrors } from '@stoa/kernel'

/** What SCIM can answer besides the errors of members and teams. */
export const scimErrors = defineErrors({
  scim_filter_invalid: { kind: 'malformed', message: 'The filter cannot be read.' },
  scim_path_invalid: { kind: 'malformed', message: 'There is no such attribute to change.' },
  scim_value_invalid: { kind: 'malformed', message: 'A value is missing, or of another kind than it has to be.' },
  scim_immutable: { kind: 'malformed', message: 'This attribute is not changed by SCIM.' },
  scim_too_many: { kind: 'malformed', message: 'The filter would look at more than 10,000 resources.' },
  scim_not_unique: { kind: 'conflict', message: 'There is a resource with this name already.' },
})

/** What each is in the words of RFC 7644, table 9. */
export const SCIM_TYPES: Readonly<Record<string, string>> = {
  scim_filter_invalid: 'invalidFilter',
  scim_path_invalid: 'invalidPath',
  scim_value_invalid: 'invalidValue',
  scim_immutable: 'mutability',
  scim_too_many: 'tooMany',
  scim_not_unique: 'uniqueness',
  already_member: 'uniqueness',
  team_exists: 'uniqueness',
  malformed_json: 'invalidSyntax',
  validation_failed: 'invalidSyntax',
}
