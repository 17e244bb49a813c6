import type { Migration } from '@stoa/db'

/** What happened in some hours, over all links of a tenant. */
export const linkClickHoursByHour: Migration = {
  name: '0009_link_click_hours_by_hour',
  scope: 'tenant',
  breaking: false,
  transactional: false,
  up: 'create index concurrently if not exists link_click_hours_by_hour on link_click_hours (tenant_id, hour)',
}
