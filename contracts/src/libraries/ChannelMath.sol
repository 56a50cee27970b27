// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title The amounts of one channel, apart from who may move them; proved in contracts/smt.
library ChannelMath {
    /// @notice What a voucher pays now: all that was signed, at most the deposit, less what was paid before.
    /// @dev Never underflows, so that an old voucher pays nothing instead of failing.
    function payable_(uint256 deposit, uint256 settled, uint256 balance) internal pure returns (uint256) {
        uint256 limit = balance < deposit ? balance : deposit;
        unchecked {
            return limit > settled ? limit - settled : 0;
        }
    }
}
