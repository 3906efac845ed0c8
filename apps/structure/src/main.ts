import { startReferential } from '@myelin/referential';
import { structure } from './structure.definition.js';

void startReferential(structure);
