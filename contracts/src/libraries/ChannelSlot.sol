// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @notice A channel in one word: deposit 96 bits, settled 96, closableAt 40, epoch 24, from the lowest bit up.
/// deposit: all that was paid in since this opening; 0 while the channel is closed.
/// settled: all that was paid to the provider since this opening, never more than the deposit.
/// closableAt: when the payer may have the rest back, seconds since 1970; 0: nobody is closing.
/// epoch: number of this opening. Vouchers name it, so that none outlives its opening.
type ChannelSlot is uint256;

using {deposit, settled, closableAt, epoch, reopened, toppedUp, paid, closing, notClosing, emptied} for ChannelSlot global;

uint256 constant SETTLED_SHIFT = 96;
uint256 constant CLOSABLE_SHIFT = 192;
uint256 constant EPOCH_SHIFT = 232;

error Overflow();

function deposit(ChannelSlot slot) pure returns (uint256) {
    return uint96(ChannelSlot.unwrap(slot));
}

function settled(ChannelSlot slot) pure returns (uint256) {
    return uint96(ChannelSlot.unwrap(slot) >> SETTLED_SHIFT);
}

function closableAt(ChannelSlot slot) pure returns (uint256) {
    return uint40(ChannelSlot.unwrap(slot) >> CLOSABLE_SHIFT);
}

function epoch(ChannelSlot slot) pure returns (uint256) {
    return ChannelSlot.unwrap(slot) >> EPOCH_SHIFT;
}

/// @dev The next opening of a closed channel. The sum overflows after 2^24 openings, and reverts.
function reopened(ChannelSlot slot, uint96 amount) pure returns (ChannelSlot) {
    return ChannelSlot.wrap(ChannelSlot.unwrap(slot) + (1 << EPOCH_SHIFT) + amount);
}

/// @dev Topping up ends a closing.
function toppedUp(ChannelSlot slot, uint96 amount) pure returns (ChannelSlot) {
    if (slot.deposit() + amount > type(uint96).max) revert Overflow();
    return ChannelSlot.wrap(ChannelSlot.unwrap(slot.notClosing()) + amount);
}

/// @param amount At most deposit - settled, so that neither field overflows.
function paid(ChannelSlot slot, uint256 amount) pure returns (ChannelSlot) {
    return ChannelSlot.wrap(ChannelSlot.unwrap(slot) + (amount << SETTLED_SHIFT));
}

/// @dev Of a channel that is not closing.
function closing(ChannelSlot slot, uint256 time) pure returns (ChannelSlot) {
    return ChannelSlot.wrap(ChannelSlot.unwrap(slot) | time << CLOSABLE_SHIFT);
}

function notClosing(ChannelSlot slot) pure returns (ChannelSlot) {
    return ChannelSlot.wrap(ChannelSlot.unwrap(slot) & ~(uint256(type(uint40).max) << CLOSABLE_SHIFT));
}

/// @dev Closed: the epoch stays, so that the next opening has another.
function emptied(ChannelSlot slot) pure returns (ChannelSlot) {
    return ChannelSlot.wrap(slot.epoch() << EPOCH_SHIFT);
}
