import { statement } from '@stoa/db'

/** A plan as it is stored. */
export interface PlanRow {
  readonly name: string
  readonly callerCapacity: number
  readonly callerRefill: number
  readonly tenantCapacity: number
  readonly tenantRefill: number
}

const COLUMNS = 'name, caller_capacity, caller_refill, tenant_capacity, tenant_refill'

export const plansInForce = statement<[], PlanRow>(`select ${COLUMNS} from stoa.plans order by name`)

/** With the number of tenants that have it. */
export const planList = statement<[], PlanRow & { tenants: number }>(
  `select ${COLUMNS}, (select count(*)::integer from stoa.tenant_plans t where t.plan = p.name) as tenants
   from stoa.plans p order by name`,
)

/** Makes a plan, or changes it. */
export const planSet = statement<
  [
    name: string,
    callerCapacity: number,
    callerRefill: number,
    tenantCapacity: number,
    tenantRefill: number,
    updatedAt: Date,
  ],
  never
>(
  `insert into stoa.plans (${COLUMNS}, updated_at) values ($1, $2, $3, $4, $5, $6)
   on conflict (name) do update set caller_capacity = $2, caller_refill = $3, tenant_capacity = $4, tenant_refill = $5,
     updated_at = $6`,
)

/** A plan that a tenant has violates `tenant_plans_plan_fkey`. */
export const planRemoved = statement<[name: string], never>('delete from stoa.plans where name = $1')

/** Of the tenant alone, locked until the transaction ends. */
export const tenantPlanForUpdate = statement<[tenantId: string], { plan: string }>(
  'select plan from stoa.tenant_plans where tenant_id = $1 for update',
)

export const tenantPlanOf = statement<[tenantId: string], { plan: string }>(
  'select plan from stoa.tenant_plans where tenant_id = $1',
)

/** A plan that does not exist violates `tenant_plans_plan_fkey`. */
export const tenantPlanSet = statement<[tenantId: string, plan: string, updatedAt: Date], never>(
  `insert into stoa.tenant_plans (tenant_id, plan, updated_at) values ($1, $2, $3)
   on conflict (tenant_id) do update set plan = $2, updated_at = $3`,
)

export const tenantPlanCleared = statement<[tenantId: string], never>(
  'delete from stoa.tenant_plans where tenant_id = $1',
)

/** All tenants that have a plan; of those alone that are named, where some are. */
export const tenantPlans = statement<[tenantIds: readonly string[] | null], { tenantId: string; plan: string }>(
  'select tenant_id, plan from stoa.tenant_plans where $1::uuid[] is null or tenant_id = any ($1::uuid[])',
)
