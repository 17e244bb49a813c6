export {
  type ApiCall,
  type ApiCalls,
  type ApiOperation,
  type ApiParameter,
  addressOf,
  apiOperations,
  callOperation,
  type JsonSchema,
} from './api-operations.ts'
export { makeCertificate } from './certificates.ts'
export { type Engine, engines, testRedisUrl, testServerUrl } from './engines.ts'
export { type IsolationReport, tryIsolation } from './isolation.ts'
export { eventually, inTime } from './patience.ts'
export { emptyPglite } from './pglite-template.ts'
export { type RouteIsolationOptions, type RouteIsolationReport, tryRouteIsolation } from './route-isolation.ts'
export { startSmtpServer, type Taken, type TestSmtpServer } from './smtp-server.ts'
export { CERTIFICATE_URL, SNS_REGION, SNS_TOPIC, startSns, type TestSns } from './sns-server.ts'
export {
  type Suite,
  type SuiteOptions,
  type SuitePlace,
  type SuiteProgram,
  startSuite,
  testPlace,
} from './start-suite.ts'
export { rowDifferences, type TenantRows, type TenantRowsOptions, tenantRows } from './tenant-rows.ts'
export { type AnyJson, type TestAnswer, TestClient, type TestRequest } from './test-client.ts'
export { TestClock } from './test-clock.ts'
export { openTestDatabase, type TestDatabase, type TestDatabaseOptions } from './test-database.ts'
export { TestSignal } from './test-signal.ts'
export { createTestTenants, type TestTenants, testCtx } from './test-tenants.ts'
export { whenTestsEnd } from './when-tests-end.ts'
