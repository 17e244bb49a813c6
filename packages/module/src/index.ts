export { type Columns, defineModule, type Module, type Room } from './module.ts'
