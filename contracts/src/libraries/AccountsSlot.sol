// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice The amounts of an aggregator's ledger that every claim needs, in one word: total 96 bits, paid 96,
/// activeAt 40, live 1, from the lowest bit up.
/// total: what live roots may pay in all; it never falls.
/// paid: what they paid, never more than the total.
/// activeAt: when the waiting root becomes live, seconds since 1970; 0: none waits.
/// live: which of the ledger's two roots is live.
type AccountsSlot is uint256;

using {total, paid, activeAt, live, activated, waitingUntil, afterPaying} for AccountsSlot global;

uint256 constant PAID_SHIFT = 96;
uint256 constant ACTIVE_SHIFT = 192;
uint256 constant LIVE_SHIFT = 232;
uint256 constant ACTIVE_MASK = uint256(type(uint40).max) << ACTIVE_SHIFT;

function total(AccountsSlot slot) pure returns (uint256) {
    return uint96(AccountsSlot.unwrap(slot));
}

function paid(AccountsSlot slot) pure returns (uint256) {
    return uint96(AccountsSlot.unwrap(slot) >> PAID_SHIFT);
}

function activeAt(AccountsSlot slot) pure returns (uint256) {
    return uint40(AccountsSlot.unwrap(slot) >> ACTIVE_SHIFT);
}

function live(AccountsSlot slot) pure returns (uint256) {
    return AccountsSlot.unwrap(slot) >> LIVE_SHIFT;
}

/// @dev The waiting root is live and the other one free.
/// @param added So that the total still fits: both were part of one `uint96` when the batch was submitted.
function activated(AccountsSlot slot, uint256 added) pure returns (AccountsSlot) {
    uint256 cleared = AccountsSlot.unwrap(slot.waitingUntil(0)) ^ (1 << LIVE_SHIFT);
    return AccountsSlot.wrap(cleared + added);
}

function waitingUntil(AccountsSlot slot, uint256 time) pure returns (AccountsSlot) {
    return AccountsSlot.wrap(AccountsSlot.unwrap(slot) & ~ACTIVE_MASK | time << ACTIVE_SHIFT);
}

/// @param amount At most total - paid, so that the field does not overflow.
function afterPaying(AccountsSlot slot, uint256 amount) pure returns (AccountsSlot) {
    return AccountsSlot.wrap(AccountsSlot.unwrap(slot) + (amount << PAID_SHIFT));
}
