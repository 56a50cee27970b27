// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @notice Rewards that were paid in and are released second by second over the weight that is staked.
/// @dev Works on a copy in memory, so that a call reads and writes each of the two slots once.
///      A weight is either 0 or at least that of the lowest tier (1,000 QUIV). Releasing the whole supply of 1e27 to
///      that weight raises `index` by 1e24, so that 96 bits outlast 79,000 such supplies: no exit can overflow.
library RewardPool {
    using SafeCast for uint256;

    struct Pool {
        /// Rewards per unit of weight since the beginning, times PRECISION; never falls.
        uint96 index;
        uint96 totalWeight;
        uint40 updatedAt;
        bool paused;
        /// Paid in and not yet released.
        uint96 reserve;
        uint96 totalStaked;
        /// When all of the reserve will have been released; moves on while nobody is staked.
        uint40 endsAt;
    }

    uint256 internal constant PRECISION = 1e18;
    uint256 internal constant MIN_DURATION = 1 days;
    uint256 internal constant MAX_DURATION = 4 * 365 days;

    error DurationOutOfRange(uint256 duration, uint256 minimum, uint256 maximum);
    error RewardRateWouldFall(uint256 longestDuration);

    /// @notice Releases what the time since the last call has earned.
    /// @dev Rounds against the accounts; what is lost by rounding stays in the reserve. Seconds in which nobody is
    ///      staked are not lost: the schedule stands still.
    function accrue(Pool memory pool) internal view {
        uint256 elapsed = block.timestamp - pool.updatedAt;
        if (elapsed == 0) return;
        uint256 reserve = pool.reserve;
        uint256 weight = pool.totalWeight;
        if (reserve != 0) {
            if (weight != 0) {
                uint256 raise = (releasable(pool, elapsed) * PRECISION) / weight;
                pool.index = (raise + pool.index).toUint96();
                pool.reserve = (reserve - Math.ceilDiv(raise * weight, PRECISION)).toUint96();
            } else if (pool.endsAt > pool.updatedAt) {
                pool.endsAt = (elapsed + pool.endsAt).toUint40();
            }
        }
        pool.updatedAt = block.timestamp.toUint40();
    }

    /// @notice Adds to the reserve and lays its end anew: the mean of what was left to run and `duration`, weighted by
    ///         the amounts, so that dust can't stretch or cram what others have paid in.
    /// @dev Needs an accrued pool. The rate of release never falls.
    function fund(Pool memory pool, uint256 amount, uint256 duration) internal view {
        if (duration < MIN_DURATION || duration > MAX_DURATION) {
            revert DurationOutOfRange(duration, MIN_DURATION, MAX_DURATION);
        }
        uint256 reserve = pool.reserve;
        uint256 left = pool.endsAt > block.timestamp ? pool.endsAt - block.timestamp : 0;
        uint256 total = reserve + amount;
        uint256 span = duration;
        if (left != 0 && reserve != 0) {
            span = Math.ceilDiv(reserve * left + amount * duration, total);
            uint256 longest = (total * left) / reserve;
            if (span > longest) revert RewardRateWouldFall((longest * total - reserve * left) / amount);
        }
        pool.reserve = total.toUint96();
        pool.endsAt = (block.timestamp + span).toUint40();
    }

    /// @notice What `weight` has earned since the index was `since`, rounded down.
    function earned(Pool memory pool, uint256 weight, uint256 since) internal pure returns (uint256) {
        return (weight * (pool.index - since)) / PRECISION;
    }

    /// @notice What is released per second now, in base units.
    function rate(Pool memory pool) internal view returns (uint256) {
        if (pool.totalWeight == 0 || pool.endsAt <= block.timestamp) return 0;
        return pool.reserve / (pool.endsAt - block.timestamp);
    }

    function releasable(Pool memory pool, uint256 elapsed) private view returns (uint256) {
        if (block.timestamp >= pool.endsAt) return pool.reserve;
        return (pool.reserve * elapsed) / (pool.endsAt - pool.updatedAt);
    }
}
