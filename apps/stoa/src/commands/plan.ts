import type { Plan } from '@stoa/http'
import type { Command } from '../command-line.ts'
import { rateLimitOf } from '../config/config.ts'
import { RATE_LIMIT } from '../config/env.ts'
import { Refusal } from '../failure.ts'
import { tenantOf, withPlans } from '../with-installation.ts'

/** What a tenant without a plan has, on the command line. */
export const DEFAULT_PLAN = 'default'
const NAME = /^[a-z][a-z0-9-]{0,39}$/

/** `stoa plan set` */
export const planSet: Command = {
  name: 'plan set',
  summary: 'Make a plan, or change what it allows. Every process follows within a second.',
  args: ['plan'],
  options: {
    caller: {
      type: 'string',
      value: '<at once/per second>',
      required: true,
      doc: 'Requests of one caller: 1200/200. In place of STOA_RATE_LIMIT.',
    },
    tenant: {
      type: 'string',
      value: '<at once/per second>',
      required: true,
      doc: 'Requests of all callers of the tenant together. In place of STOA_TENANT_RATE_LIMIT.',
    },
  },
  details: "Then give it to tenants: stoa tenant plan <slug> <plan>. A tenant's own limits show in RateLimit-Policy.",
  async run(program, { args, values }) {
    const name = args.plan as string
    if (!NAME.test(name) || name === DEFAULT_PLAN) {
      throw new Refusal(
        `The name of a plan is 1 to 40 lower case letters, digits and '-', begins with a letter, and is not 'default'.`,
        2,
      )
    }
    const rateLimit = limitOf('caller', values.caller?.[0] as string)
    const tenantRateLimit = limitOf('tenant', values.tenant?.[0] as string)
    return await withPlans(program, async ({ ctx, plans }) => {
      await plans.set(ctx, { name, rateLimit, tenantRateLimit })
      program.print(lineOf({ name, rateLimit, tenantRateLimit }))
      return 0
    })
  },
}

function limitOf(option: string, text: string) {
  if (RATE_LIMIT.pattern.test(text)) return rateLimitOf(text)
  throw new Refusal(`--${option} takes ${RATE_LIMIT.patternHint}, not '${text}'.`, 2)
}

/** `stoa plan list` */
export const plansListed: Command = {
  name: 'plan list',
  summary: 'List the plans, with how many tenants have each.',
  options: { json: { type: 'boolean', doc: 'One JSON object per line.' } },
  run: (program, { switches }) =>
    withPlans(program, async ({ ctx, plans }) => {
      const all = await plans.list(ctx)
      if (switches.has('json')) for (const plan of all) program.print(JSON.stringify(plan))
      else for (const plan of all) program.print(`${lineOf(plan)}  ${tenantsOf(plan.tenants)}`)
      return 0
    }),
}

function tenantsOf(count: number): string {
  return count === 1 ? '1 tenant' : `${count} tenants`
}

function lineOf({ name, rateLimit, tenantRateLimit }: Plan): string {
  const said = ({ capacity, refillPerSecond }: Plan['rateLimit']) => `${capacity}/${refillPerSecond}`
  return `${name.padEnd(24)} caller ${said(rateLimit).padEnd(14)} tenant ${said(tenantRateLimit)}`
}

/** `stoa plan remove` */
export const planRemove: Command = {
  name: 'plan remove',
  summary: 'Remove a plan that no tenant has.',
  args: ['plan'],
  run: (program, { args }) =>
    withPlans(program, async ({ ctx, plans }) => {
      const name = args.plan as string
      const outcome = await plans.remove(ctx, name)
      if (outcome === 'unknown') throw noPlan(name)
      if (outcome === 'in use') throw new Refusal(`Tenants have the plan '${name}': give them another one first.`)
      program.print(`Removed ${name}.`)
      return 0
    }),
}

/** `stoa tenant plan` */
export const tenantPlan: Command = {
  name: 'tenant plan',
  summary: 'Give a tenant a plan: other rate limits, felt by every process within a second.',
  args: ['slug', 'plan'],
  details: "The plan 'default' is the limits of the configuration. 'stoa plan list' shows the others.",
  run: (program, { args }) =>
    withPlans(program, async (installation) => {
      const own = await tenantOf(installation, args.slug as string)
      const name = args.plan as string
      if (!(await installation.plans.assign(own, name === DEFAULT_PLAN ? null : name))) throw noPlan(name)
      program.print(`The tenant '${own.tenant.slug}' has the plan ${name}.`)
      return 0
    }),
}

function noPlan(name: string): Refusal {
  return new Refusal(`There is no plan '${name}': 'npx stoa plan list' shows them.`)
}
