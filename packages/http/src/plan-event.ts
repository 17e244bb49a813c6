import { defineEvent } from '@stoa/journal'
import { Type } from 'typebox'

const Plan = Type.Unsafe<string | null>({ type: ['string', 'null'] })

/** The operator gave the tenant another plan. */
export const tenantPlanChanged = defineEvent({
  type: 'tenant.plan_changed',
  version: 1,
  description:
    'The organisation was given another plan, and with it other rate limits. Null is the limits of the installation.',
  data: Type.Object({ plan: Plan, before: Plan }),
})
