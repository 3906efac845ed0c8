import { startReferential } from '@myelin/referential';
import { thirdParty } from './third-party.definition.js';

void startReferential(thirdParty);
