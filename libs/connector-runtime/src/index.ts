export { connectorApi } from './openapi.js';
export { ConnectorRuntimeModule, type ConnectorDefinition } from './connector-runtime.module.js';
export { connectorSettings, type ConnectorSettings } from './connector-runtime.settings.js';
export { startConnector } from './start.js';
export { hookApi } from './custom/hook.contract.js';
