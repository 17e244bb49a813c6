export { type Columns, defineModule, LEAST_ROLES, type LeastRole, type Module, type Room } from './module.ts'
