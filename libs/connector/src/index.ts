export { conformance } from './conformance.js';
export { Fatal, NameTaken, Rejected, TargetDown, TargetError, TryLater } from './errors.js';
export { type Harness, type Notion } from './harness.js';
export { isHttpWrite, TcpLine, type Line } from './line.js';
export { changedAttributes, rowHash, sameValue, type Row, type RowValue } from './row.js';
export {
  SKIP,
  type Change,
  type Connector,
  type Found,
  type Listed,
  type MapContext,
  type Mapped,
  type NameRequest,
  type Overlaid,
  type Overlayable,
  type Ref,
  type Reference,
  type Referenced,
  type Removal,
  type Rule,
  type Script,
  type Session,
  type Shaped,
  type Sync,
  type Written,
} from './spi.js';
