export { conformance, type Harness } from './conformance.js';
export { Fatal, NameTaken, Rejected, TargetDown, TargetError, TryLater } from './errors.js';
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
  type Session,
  type Shaped,
  type Sync,
  type Script,
  type Written,
} from './spi.js';
