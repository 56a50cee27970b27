// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ChannelMath} from "../src/libraries/ChannelMath.sol";

/// @dev What is false must be found false, or a proof says nothing: here a channel forgets what it settled.
contract Refuted {
    uint256 private deposit;
    uint256 private settled;
    uint256 private paid;

    function open(uint96 amount) external {
        require(deposit == 0 && amount != 0);
        deposit = amount;
    }

    function redeem(uint128 balance) external {
        uint256 amount = ChannelMath.payable_(deposit, settled, balance);
        paid += amount;
        assert(paid <= deposit);
    }
}
