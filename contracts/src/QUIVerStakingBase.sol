// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManagedUpgradeable} from "@openzeppelin/contracts-upgradeable/access/manager/AccessManagedUpgradeable.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IQUIVToken} from "./interfaces/IQUIVToken.sol";
import {IQUIVerStaking} from "./interfaces/IQUIVerStaking.sol";
import {RewardPool} from "./RewardPool.sol";
import {Tiers} from "./Tiers.sol";

/// @notice All storage of the staking contract, and the few steps that change it.
abstract contract QUIVerStakingBase is IQUIVerStaking, AccessManagedUpgradeable, ReentrancyGuardTransient {
    using RewardPool for RewardPool.Pool;
    using SafeCast for uint256;
    using SafeERC20 for IQUIVToken;

    /// What a stake is worth now, in one slot.
    struct Position {
        uint96 staked;
        /// The pool's index up to which this account's rewards are in its ledger.
        uint96 rewardIndex;
        /// The weight when the stake last changed: an upgrade with other tiers leaves the sum of weights right.
        uint16 weightBps;
        bool isProvider;
        /// Reports that may still be executed. Sticks at its largest value.
        uint8 openReports;
        /// From when anyone may compound for the account; 0 where it has not asked for that.
        uint32 compoundableAt;
    }

    /// What an account is owed beside its stake, in one slot.
    struct Ledger {
        uint96 rewards;
        uint96 unbonding;
        uint32 unlockAt;
        /// When the last open report lapses; 0 without one.
        uint32 holdUntil;
    }

    /// A report on an account, in one slot.
    struct Report {
        address reporter;
        /// Stake and unbonding at the time of the report, in thousandths of a QUIV, rounded up.
        uint40 baseMilli;
        uint32 proposedAt;
        uint16 penaltyBps;
        ReportStatus status;
    }

    IQUIVToken internal immutable TOKEN;

    RewardPool.Pool internal _pool;
    mapping(address account => Position) internal _positions;
    mapping(address account => Ledger) internal _ledgers;
    mapping(address account => mapping(bytes32 evidenceId => Report)) internal _reports;
    /// The report that a failed answer was last named in.
    mapping(address account => mapping(bytes32 digest => bytes32 evidenceId)) internal _reportOf;
    /// Base units that reports made in an epoch have taken.
    mapping(address account => mapping(uint256 epoch => uint256)) internal _slashedInEpoch;
    /// Room for state of later versions; take from its end so that nothing moves.
    uint256[43] private __gap;

    constructor(address token_) {
        if (token_.code.length == 0) revert NotAContract(token_);
        TOKEN = IQUIVToken(token_);
        _disableInitializers();
    }

    /// @dev The pool for a deposit, which a pause forbids.
    function _openPool() internal view returns (RewardPool.Pool memory pool) {
        pool = _accruedPool();
        if (pool.paused) revert DepositsPaused();
    }

    /// @dev A copy of the pool in which the time since the last call has been paid out.
    function _accruedPool() internal view returns (RewardPool.Pool memory pool) {
        pool = _pool;
        pool.accrue();
    }

    /// @dev What a position has earned that isn't in its ledger yet.
    function _earned(RewardPool.Pool memory pool, Position memory position) internal pure returns (uint256) {
        return pool.earned(_weight(position), position.rewardIndex);
    }

    function _weight(Position memory position) internal pure returns (uint256) {
        return Tiers.weightOf(position.staked, position.weightBps);
    }

    /// @dev Gives a position another stake, and the pool the sums that follow. What was earned until now must have been
    ///      taken with `_earned` before.
    function _resize(address account, RewardPool.Pool memory pool, Position memory position, uint256 staked) internal {
        uint256 otherWeight = pool.totalWeight - _weight(position);
        pool.totalStaked = (uint256(pool.totalStaked) - position.staked + staked).toUint96();

        (uint8 tier, uint16 weightBps) = Tiers.rank(staked);
        if (weightBps != position.weightBps) emit TierChanged(account, tier);
        position.weightBps = weightBps;
        position.staked = staked.toUint96();
        position.rewardIndex = pool.index;
        pool.totalWeight = (otherWeight + _weight(position)).toUint96();
    }

    // One store a slot: the compiler would store field by field. The order is that of the structs.

    function _save(RewardPool.Pool memory pool) internal {
        uint256 first = pool.index | uint256(pool.totalWeight) << 96 | uint256(pool.updatedAt) << 192
            | (pool.paused ? 1 << 232 : 0);
        uint256 second = pool.reserve | uint256(pool.totalStaked) << 96 | uint256(pool.endsAt) << 192;
        assembly ("memory-safe") {
            sstore(_pool.slot, first)
            sstore(add(_pool.slot, 1), second)
        }
    }

    function _save(address account, Position memory position) internal {
        uint256 packed = position.staked | uint256(position.rewardIndex) << 96 | uint256(position.weightBps) << 192
            | (position.isProvider ? 1 << 208 : 0) | uint256(position.openReports) << 216
            | uint256(position.compoundableAt) << 224;
        Position storage place = _positions[account];
        assembly ("memory-safe") {
            sstore(place.slot, packed)
        }
    }

    function _save(address account, Ledger memory ledger) internal {
        uint256 packed = ledger.rewards | uint256(ledger.unbonding) << 96 | uint256(ledger.unlockAt) << 192
            | uint256(ledger.holdUntil) << 224;
        Ledger storage place = _ledgers[account];
        assembly ("memory-safe") {
            sstore(place.slot, packed)
        }
    }

    /// @dev Takes tokens in, and insists on the exact amount.
    function _pull(address from, uint256 amount) internal {
        uint256 before = TOKEN.balanceOf(address(this));
        TOKEN.safeTransferFrom(from, address(this), amount);
        uint256 received = TOKEN.balanceOf(address(this)) - before;
        if (received != amount) revert TransferMismatch(amount, received);
    }
}
