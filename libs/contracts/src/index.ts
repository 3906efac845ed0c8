export { writeContracts } from './generate.js';
export { CHECKS, EXTENSION_NAME, unstorable, type CheckName } from './checks.js';
export {
  ACKNOWLEDGED,
  CONNECTOR_PULSED,
  CONNECTOR_WORK,
  ConnectorPulse,
  DELIVERY_CAUSES,
  DELIVERY_OUTCOMES,
  DELIVERY_REPORTED,
  DeliveryError,
  DeliveryReport,
  EntityPulse,
  type ConnectorWork,
  type DeliveryCause,
  type DeliveryOutcome,
  type MessageContract,
} from './delivery.js';
export {
  compareVersions,
  EVENT_KINDS,
  eventId,
  eventSource,
  eventType,
  newCorrelationId,
  type Cause,
  type EventAttributes,
  type EventKind,
  type MessageAttributes,
} from './event.js';
export { IDENTIFIER_SCHEMES, identifierFault, identifierScheme, type IdentifierScheme } from './identifier-schemes.js';
export {
  DERIVED,
  ENTITIES,
  PIVOT,
  referenceKeys,
  ROLE_STATES,
  STATUSES,
  type Entity,
  type Master,
  type MasterFields,
  type PivotOf,
  type RoleState,
  type Status,
} from './master.js';
export { BankAccount, Contact, Identifier, PostalAddress, Validity } from './parts.js';
export {
  Affectation,
  Birth,
  CareerStep,
  Enrolment,
  ExternalRole,
  LearnerRole,
  Person,
  PersonName,
  ResourceRole,
  Roles,
  StructureFunction,
} from './person.js';
export { PROBLEM_TYPES, type Problem, type ProblemType } from './problem.js';
export {
  contractSchemas,
  masterSchema,
  masterValidator,
  messageSchema,
  messageValidator,
  pivotFaults,
  pivotSchema,
  pivotValidator,
  type FieldFault,
  type Validator,
} from './schema.js';
export { ParentLink, Structure, StructureName } from './structure.js';
export { ThirdParty, ThirdPartyName, ThirdPartyRole } from './third-party.js';
export { deliveriesTopic, PARTITIONS, referentialTopic, type TopicContract } from './topics.js';
