import { defineErrors } from '@stoa/kernel'

/** What can be wrong with a tenant. */
export const tenantErrors = defineErrors({
  tenant_slug_taken: { kind: 'conflict', message: 'Another tenant has this slug.' },
  tenant_slug_invalid: { kind: 'invalid', message: 'This slug cannot be used.' },
})
