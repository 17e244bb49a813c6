import { type Migration, sharedTable, tenantTable } from '@stoa/db'

/** Which limits there are by name, and which tenant has which. A tenant without a row has those of the configuration. */
export const plans: Migration = {
  name: '0005_plans',
  scope: 'shared',
  breaking: false,
  up: `
create table plans (
  name text primary key check (name ~ '^[a-z][a-z0-9-]{0,39}$'),
  caller_capacity integer not null check (caller_capacity > 0),
  caller_refill double precision not null check (caller_refill > 0),
  tenant_capacity integer not null check (tenant_capacity > 0),
  tenant_refill double precision not null check (tenant_refill > 0),
  updated_at timestamptz not null
);
${sharedTable('plans', { app: 'none' })}
create table tenant_plans (
  tenant_id uuid primary key references tenants (id) on delete cascade,
  plan text not null references plans (name),
  updated_at timestamptz not null
);
create index tenant_plans_plan on tenant_plans (plan);
${tenantTable('tenant_plans', { system: 'select' })}`,
}
