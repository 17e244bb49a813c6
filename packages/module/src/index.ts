export {
  type Columns,
  defineModule,
  type Examination,
  LEAST_ROLES,
  type LeastRole,
  type Module,
  type Room,
} from './module.ts'
